"""How a setting is declared and how its text is parsed; the settings are in config.py."""
