"""A strict server: the Messages API over HTTP as its reference describes it, with a mind of its own and faults on call.

What the reference lets the API refuse is refused, in the API's own shapes, so that a client that passes here sends
nothing that the API would not take. Where the reference says nothing, all is taken.

refusals.py   errors as the API words them          shapes.py    what a request may hold: unknown fields are refused
prompt.py     a request as its blocks, in order     models.py    what each model takes
checks.py     one request, through all rules        turns.py     roles in order, calls and their results
pictures.py   images                                thinking.py  signatures, and the conversation they are bound to
tokens.py     a deterministic count of tokens       cache.py     what is read from and written to the prompt cache
minds.py      who answers: the playbook, a script   answers.py   an answer as the API's blocks
faults.py     what goes wrong, and when             spoilt.py    replies that are whole and yet wrong
events.py     a message as server-sent events       record.py    the log, and what can be counted in it
service.py    a request to its outcome              server.py    sockets
__main__.py   a process of its own
sessions.py   whole conversations of our agents with it: what is said, who takes part, what must hold
runs.py       a run's designers as Temporal has them carried out   bill.py   what the server asks for what it served
"""
