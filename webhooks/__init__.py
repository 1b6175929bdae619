"""Tells other systems when something has happened: signed requests to addresses that users have named.

Events are stored in the transaction of what they tell of, with a delivery for each endpoint that asks for them; engines
deliver them afterwards. The signatures are those of Standard Webhooks (https://www.standardwebhooks.com/).
"""
