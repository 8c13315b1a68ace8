"""The desk: the site's own page, for whoever is there. Plain forms, no training, nothing lost.

`facts` is what a page shows; `Desk` (on the station's thread) gathers it and takes what is entered;
`DeskWork` is the desk in a running node; the other modules are the pages.
"""
