"""What the Govern pages ask and do: the policy, oversight, the audit log, keys, and the installation itself."""

from dataclasses import dataclass

from ui.answers.audit import AuditChoices, AuditPage, Verified
from ui.answers.installation import ChannelList, DataOut, RoleList, ScheduleList
from ui.answers.keys import KeyList, KeyMade, KeyOut
from ui.answers.oversight import OversightOut
from ui.answers.policy import PolicyChecked, PolicyOut
from ui.api_types import DeliveryList, DeliveryOut, Json
from ui.calls.asking import Asking, Params

# A month decided again takes a while.
CHECK_S = 60.0
EXPORT_S = 60.0


@dataclass(frozen=True)
class GovernCalls:
    client: Asking

    def roles(self) -> RoleList:
        return self.client.ask(RoleList, "GET", "/roles")

    def schedules(self) -> ScheduleList:
        return self.client.ask(ScheduleList, "GET", "/schedules")

    def data(self) -> DataOut:
        return self.client.ask(DataOut, "GET", "/data")

    # ------------------------------------------------------------------------------------------------------- policy

    def policy(self) -> PolicyOut:
        return self.client.ask(PolicyOut, "GET", "/policy")

    def check_policy(self, text: str, days: int) -> PolicyChecked:
        """Try a page; nothing is kept of it."""
        body = {"text": text, "days": days}
        return self.client.ask(PolicyChecked, "POST", "/policy/check", body=body, wait_s=CHECK_S)

    def oversight(self, model: str, days: int) -> OversightOut:
        return self.client.ask(OversightOut, "GET", "/oversight", {"model": model, "days": days})

    # ----------------------------------------------------------------------------------------------------- messages

    def channels(self) -> ChannelList:
        return self.client.ask(ChannelList, "GET", "/notifications/channels")

    def arrived(self, limit: int) -> DeliveryList:
        """The newest messages that arrived."""
        return self.client.ask(DeliveryList, "GET", "/notifications", {"status": "sent", "limit": limit})

    def try_channel(self, name: str) -> DeliveryOut:
        return self.client.ask(DeliveryOut, "POST", f"/notifications/channels/{name}/test")

    # --------------------------------------------------------------------------------------------------------- keys

    def keys(self) -> KeyList:
        return self.client.ask(KeyList, "GET", "/keys")

    def make_key(self, wanted: Json) -> KeyMade:
        """The secret is in this answer only."""
        return self.client.ask(KeyMade, "POST", "/keys", body=wanted)

    def rotate_key(self, key_id: str, *, overlap_days: int, days: int) -> KeyMade:
        body = {"overlap_days": overlap_days, "days": days}
        return self.client.ask(KeyMade, "POST", f"/keys/{key_id}/rotate", body=body)

    def revoke_key(self, key_id: str) -> KeyOut:
        return self.client.ask(KeyOut, "POST", f"/keys/{key_id}/revoke")

    # -------------------------------------------------------------------------------------------------------- audit

    def audit(self, wanted: Params) -> AuditPage:
        return self.client.ask(AuditPage, "GET", "/audit", wanted)

    def audit_choices(self) -> AuditChoices:
        return self.client.ask(AuditChoices, "GET", "/audit/choices")

    def audit_file(self, wanted: Params, form: str) -> bytes:
        """The filtered events as a file; its last line says so where it was cut."""
        return self.client.send("GET", "/audit/export", {**wanted, "form": form}, wait_s=EXPORT_S).content

    def verified(self) -> Verified:
        return self.client.ask(Verified, "GET", "/audit/verified")

    def verify(self) -> Verified:
        return self.client.ask(Verified, "POST", "/audit/verify")
