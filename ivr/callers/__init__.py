"""What is known of the numbers that call: operators' marks, and whether they reached a person last time."""
