"""``python -m geowatch_core`` is the command ``geowatch-core``."""

import sys

from geowatch_core.cli import main

sys.exit(main())
