"""How long a period is where nobody asks for another one."""

# Calendar weeks on pages and in the API, the running one included; in alerts and reports, so many times seven days.
WEEKS = 13
