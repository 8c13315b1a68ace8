"""Who is told of an alarm besides the screens: mail, a webhook, a topic. Each is a small file with `tell`.

A notifier claims changes before it tells them, so a crash can't tell one twice; what can't be delivered is
tried again for a while, then counted and logged. None of them can hold up intake or the screens.
"""
