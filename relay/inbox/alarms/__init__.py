"""What should make an operator look up: a pure function of facts and time.

How it works. Every few seconds the service makes a `Picture` of what is known (facts.py) and calls
`Engine.step`. Each rule (rules.py, own.py, calls.py) judges one subject: at which level it is alarming
now, or that nobody can tell (HOLD). The engine turns judgements into alarms: a rise must last, a fall must
last longer (hysteresis), one that comes and goes is told once as "hovering". Groups (groups.py) make one
alarm of what hits many sites at once; sounds (sounds.py) decide what may be heard. Nothing here knows a
clock, a disk or a page: the same pictures give the same changes, and a state that was kept continues after
a restart without a sound.

What comes out are `Change` rows. They are stored in the same transaction as the state; a notifier claims
them, so that a crash can't alert twice.

Source: experience.md section 3, alarm rules and "No storm".
"""
