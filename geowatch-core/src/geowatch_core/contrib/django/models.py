"""The tables of the outbox."""

from __future__ import annotations

from django.db import models

__all__ = ["OutboxLease", "OutboxMessage"]


class OutboxMessage(models.Model):
    """A message that a transaction has left here, to be delivered after its commit.

    It is deleted when everywhere it goes has confirmed it. Who holds it meanwhile stands in a table
    of its own, so that a lease is renewed in one row however many messages it holds.
    """

    id = models.BigAutoField(primary_key=True)
    topic = models.CharField(max_length=255)
    key = models.BinaryField(null=True)
    headers = models.BinaryField(null=True)
    time = models.FloatField(null=True)
    data = models.BinaryField()
    created = models.DateTimeField(auto_now_add=True)
    lease = models.BigIntegerField(null=True, db_index=True)

    class Meta:
        """The index is the drain's way through a topic."""

        db_table = "geowatch_outbox"
        indexes = (models.Index(fields=["topic", "id"], name="geowatch_outbox_of_topic"),)

    def __str__(self) -> str:
        return f"{self.topic} #{self.pk}"


class OutboxLease(models.Model):
    """Until when, by the database's clock, one consumer holds what it has taken."""

    id = models.BigIntegerField(primary_key=True)
    until = models.DateTimeField()

    class Meta:
        """Named like the outbox that it belongs to."""

        db_table = "geowatch_outbox_lease"

    def __str__(self) -> str:
        return f"lease {self.pk} until {self.until}"
