from django.apps import AppConfig


class QuakesConfig(AppConfig):
    """Quakes of the test project."""

    name = "tests.django.project.quakes"
    label = "quakes"
    default_auto_field = "django.db.models.BigAutoField"
