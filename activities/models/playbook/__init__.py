"""The playbook: a rule-based engineer behind the Model seam. No language model, no network, no key.

playbook.py      the Model: which mind answers, by the role that asks
conversation.py  the structured parts of a conversation: request, turns, calls with their results
step.py          what a mind answers with, and how it becomes a Reply
setup.py designer.py coder.py tuner.py aggregator.py manager.py
                 one mind per role: `next_step(conversation) -> Step`, pure
plan.py          PLAN.md as the designer writes and the coder reads it; essay.py is its prose
revision.py      another kind of model, or other settings, for a design that did not do well
curves.py        over- and underfitting, by learning curves
tuning.py proposals.py
                 what a tuner's conversation comes to, and what it tries next
knobs.py         what well-known keys of a config do, and the neighbours of a config
blending.py      the weights of a blend, by forward selection
board.py rounds.py
                 what the manager reads off a board, and how it divides time
"""

from activities.models.playbook.playbook import Playbook

__all__ = ["Playbook"]
