"""How long a period is where nobody asks for another one."""

# Calendar weeks on pages, in the API and in problem stores' alerts, the running one included; in reports, so many
# times seven days.
WEEKS = 13
# In weeks, what pages offer.
PERIODS = (1, 4, WEEKS)
