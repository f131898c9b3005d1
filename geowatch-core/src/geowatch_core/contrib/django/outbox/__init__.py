"""The transactional outbox: what a transaction sends is delivered if and only if it commits.

.. code-block:: python

    with transaction.atomic():
        quake.save()
        outbox.send({"id": quake.id, "mag": quake.mag}, topic="quakes")

``send`` writes a row in the same transaction. A broker with a consumer of the backend
``django-outbox`` takes it from there, at least once, to wherever it is to go.
"""

from geowatch_core.contrib.django.outbox.sending import send, send_many

__all__ = ["send", "send_many"]
