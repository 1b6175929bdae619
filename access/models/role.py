from __future__ import annotations

from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.db import models


class Role(models.Model):
    """The group of Django that a role of `access/roles.py` is, whatever the group is called.

    `given` are the permissions that the group once got, as app.codename: what a superuser has taken from it since is
    not given again.
    """

    name = models.CharField(max_length=16, unique=True)
    group = models.OneToOneField(Group, on_delete=models.CASCADE, related_name="role")
    given = ArrayField(models.CharField(max_length=150), default=list)

    def __str__(self) -> str:
        return self.name
