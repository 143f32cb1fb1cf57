"""The playbook: a rule-based engineer behind the Model seam. No language model, no network, no key.

conversation.py  the structured parts of a conversation: request, turns, calls with their results
step.py          what a mind answers with, and how it becomes a Reply
setup.py designer.py coder.py tuner.py aggregator.py manager.py
                 one mind per role: `next_step(conversation) -> Step`, pure
plan.py          PLAN.md as the designer writes and the coder reads it; essay.py is its prose
curves.py        over- and underfitting, by learning curves
knobs.py         what well-known keys of a config do, and the neighbours of a config
board.py rounds.py
                 what the manager reads off a board, and how it divides time
"""

from activities.models.playbook.playbook import Playbook

__all__ = ["Playbook"]
