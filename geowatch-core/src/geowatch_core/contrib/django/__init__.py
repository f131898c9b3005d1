"""GeoWatch in a Django project: brokers from settings, a command, and a transactional outbox.

Add ``"geowatch_core.contrib.django"`` to ``INSTALLED_APPS`` and run ``manage.py migrate``.
"""
