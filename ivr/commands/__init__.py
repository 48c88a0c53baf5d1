"""The commands of ``ivr``, one file a topic. They parse, call and print; what they call does the work."""
