"""Asterisk as it spells itself: FastAGI questions, AMI actions and events. The only folder that imports
panoramisk; what leaves it are our own frozen values. ``docs/asterisk-link.md`` explains it to people."""
