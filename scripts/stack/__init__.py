"""The stack on one machine: Asterisk, the engine and test phones, for ``scripts/run`` and the tests."""
