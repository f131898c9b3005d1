"""Brokers from a configuration: a mapping, a TOML file or a JSON file.

.. code-block:: toml

    [defaults]                      # keys of a broker, for each broker that has not its own
    count = 500

    [defaults.roles]                # options of a role, for each role that knows them
    topic_prefix = "${STAGE:-test}-"

    [defaults.backends.kafka]       # the same, for the roles of one backend
    host = "localhost:9092"

    [[brokers]]
    name = "strong-quakes"
    filter = { path = "properties.mag", ge = 4.5 }

    [[brokers.consumers]]
    backend = "kafka"
    topic = "quakes"
    codec = "geojson"
    group = "alerts"

    [[brokers.producers]]
    backend = "slack"
    topic = "#quakes"
    token = "${SLACK_BOT_TOKEN}"

The keys of a broker are the fields of `geowatch_core.config.options.BrokerOptions`. A configuration
of one broker may have them at its top level, without ``[[brokers]]``. Each entry of a role names
its ``backend``; its other keys are the options of that role.

**Defaults.** The nearest wins: an entry's own value, then ``defaults.backends.<its backend>``, then
``defaults.roles``, then what the backend says itself; a broker's own value, then ``defaults``. A
value replaces another as a whole; tables and lists are not merged.

**Environment.** In every text, ``${NAME}`` is replaced by that environment variable, which must be
set, and ``${NAME:-text}`` by ``text`` where it is not set or empty. ``$$`` stands for ``$``. Where
an option is a number or a boolean, the text is read as one; in filters it stays text. What came
from the environment is never shown in an error: it may be a secret.
"""

from geowatch_core.config.check import Checked, Route, check_config
from geowatch_core.config.provision import provision_broker, provision_brokers

__all__ = [
    "Checked",
    "Route",
    "check_config",
    "provision_broker",
    "provision_brokers",
]
