"""What happens next: deterministic code, whose every step is in Temporal's history.

A run outlives deployments, so newer code must take up histories that older code began. The rule for a change here:

- Code that makes other commands than before (an activity, a timer, a search attribute, their order or their ids) goes
  under `workflow.patched("what-changed")`, with the old way in the other branch. A run that was past the place when the
  newer worker took it over keeps the old way there until it ends or goes on in a new execution; one that had not come
  to it yet takes the new way. An event of the ledger is such a change too, for its digests are derived again.
- What requests and reports hold may grow by fields with defaults, and nothing else about them changes.
- Histories of every kind of run, as released code wrote them, are kept in tests/histories and replayed by every test
  run; none is removed, and a kind that is made anew (`python -m tests.histories.make`) is one that is not released yet.
- A worker that cannot take up a history fails that workflow task and says so in its log; the run stands still, loses
  nothing, and goes on once a worker of the right code is back.
"""
