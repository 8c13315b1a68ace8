"""What operators do: who they are, what they took up, what they were told, and the log of all of it.

It is kept apart from the messages, in `operators.db`: intake never waits for a person, and a message is
never changed by one. A report is known here by its identity (address, epoch, number), which outlives a
restored backup.
"""
