"""Whether each call was recorded: Asterisk writes the files and says nothing when it cannot.

``rules`` says what a recording must be, ``watch`` looks while people talk and after each call, ``disk`` gives
recordings up before the record of calls suffers. docs/recordings.md explains it to people.
"""
