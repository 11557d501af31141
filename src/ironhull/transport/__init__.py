"""One patient HTTP exchange: what every room that speaks with servers shares.

network    how this machine reaches others: proxies, authorities, the name it gives itself
address    scheme, host and port; addresses as messages may show them
patience   how long to hope: attempts, pauses, deadlines
failure    why an exchange came to nothing, and whether another attempt may do better
message    a request, a body, an answer
pools      open connections, by server
exchange   one request with patience: a response, or a small answer as a whole
redirects  going where a server sends us, by the rule of the protocol
receive    a large body into a sink, going on where it broke off

What a protocol knows of its own (logins, which statuses mean what) stays with its room.
Loading `network`, `address` and `patience` costs next to nothing; the others load urllib3.
"""
