"""Who may use the service, and how much.

::

    rights.py             who may do what: the rules that every entry point asks by name
    authentication.py     a request's credentials -> a user; Bearer (keys and tokens) before the browser's session
        models.py           ApiKey: a machine's credential, of which the database holds only a hash
        tokens.py           a person's signed tokens; the only module that knows their library
    permissions.py        which user, and which scope of a key, an endpoint requires; the open API
    cross_site.py         what another website's page has its visitor's browser send, which nothing obeys
    throttles.py          requests a minute, failed sign-ins
    passwords.py          the only check of passwords, for the admin and the token endpoint alike
    urls.py -> views.py   tokens for a username and a password
"""
