"""Real SIP phones: SIPp as the carrier's trunk and for load, baresip as phones that talk and listen."""
