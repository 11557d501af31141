"""The record of publications: which image got which tags when, with which statements attached.

record         one publication, as it is signed
chain          records one after another, each naming the one before by its digest
tiles          many records in few files: 256 in each, full ones never change
folder         the record on a disk, in the home or where a static server carries it
log_tag        its tag in a repository
registry_log   the same in a repository of a registry
seen           what was seen of it, so that nobody is shown less or something else later
writing        a publication put down: signed, numbered, stored in both
reading        the record and its repository side by side: what is missing, moved, old
"""
