"""The operators' pages: server-rendered, Dutch first, nothing from outside, usable without JavaScript.

A page reads one snapshot (the board) and the operators' store; it never reads the table of messages. Every
change goes through a form with the session's own token, and says to the second operator who was first.
"""
