from django.db import models


class Quake(models.Model):
    """What the project keeps, and tells others of when it has kept it."""

    number = models.IntegerField(unique=True)

    class Meta:
        app_label = "quakes"

    def __str__(self) -> str:
        return f"quake {self.number}"
