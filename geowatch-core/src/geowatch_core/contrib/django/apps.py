"""The application, as ``INSTALLED_APPS`` knows it."""

from django.apps import AppConfig
from django.core.checks import register

__all__ = ["GeoWatchConfig"]


class GeoWatchConfig(AppConfig):
    """GeoWatch as an application of a Django project."""

    name = "geowatch_core.contrib.django"
    label = "geowatch"
    verbose_name = "GeoWatch"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have Django check the brokers whenever it checks the project."""
        from geowatch_core.contrib.django.checks import check_settings

        register(check_settings, "geowatch")
