"""The hub as controllers see it."""


class Published(dict):
    """Plans by key, as the hub gets them."""

    def publish(self, key, plan, host=None):
        self[key] = plan

    def withdraw(self, key):
        self.pop(key, None)
