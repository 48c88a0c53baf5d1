"""Personal data of callers: told to whom it is about, destroyed on request and in time."""
