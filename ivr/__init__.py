"""Siaga 112: the engine that advises an Asterisk PBX how to handle a city's emergency calls."""
