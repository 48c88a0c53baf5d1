"""The record of what happened: one writer, append-only; reading and showing it."""
