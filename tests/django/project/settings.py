"""A small project. What differs between tests comes as JSON from the environment."""

import json
import os

SECRET_KEY = "only-for-tests"
USE_TZ = True
TIME_ZONE = "UTC"  # Django gives it to the whole process
INSTALLED_APPS = ["geowatch_core.contrib.django", "tests.django.project.quakes"]
DATABASES = json.loads(os.environ["TEST_DATABASES"])
globals().update(json.loads(os.environ.get("TEST_SETTINGS", "{}")))
