"""What ``ivr doctor`` looks at, one file a topic. A check reads, never repairs: the admin decides."""
