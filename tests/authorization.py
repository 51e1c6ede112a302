"""Who may call what, as a table a person can check. Every route stands here with every role and every kind of key.

`+` may (whatever the route then says of the request), `403` is known and may not, `401` has sent nothing that this
route asks for. A route that is missing, and a cell that is not so, fails `tests/integration/api/test_authorization.py`.

Where it matters whose the object is, a row says so after the path, and there are several of a route: `own` (the
caller's own, or what the caller asked for), `other` (somebody else's), `program` (asked for by a program the caller
answers for). Such a row is sent whole, about an object made for that very cell by `tests/authorization_owned.py`, so
there `+` means that it is done (2xx), and `404` is what somebody else's looks like where not even its being there is
told.
"""

from dataclasses import dataclass

PEOPLE = ("viewer", "operator", "approver", "admin")
KEYS = ("predict:write", "labels:write", "metrics:read", "actions:propose")

WHOSE = frozenset({"own", "other", "program"})

TABLE = """
                                            nobody  viewer operator approver admin   predict labels metrics propose
GET  /livez                                 +       +      +        +        +       +       +      +       +
GET  /readyz                                +       +      +        +        +       +       +      +       +
GET  /health                                +       +      +        +        +       +       +      +       +
POST /auth/login                            +       +      +        +        +       +       +      +       +
GET  /auth/ways                             +       +      +        +        +       +       +      +       +
POST /auth/link                             +       +      +        +        +       +       +      +       +
POST /auth/link/accept                      +       +      +        +        +       +       +      +       +
POST /auth/oidc/begin                       +       +      +        +        +       +       +      +       +
POST /auth/oidc/finish                      +       +      +        +        +       +       +      +       +
GET  /metrics                               +       +      +        +        +       403     403    +       403

POST /predict                               401     401    401      401      401     +       403    403     403
POST /models/{name}/predict                 401     401    401      401      401     +       403    403     403
POST /labels                                401     401    401      401      401     403     +      403     403
POST /feedback                              401     401    401      401      401     403     +      403     403

GET  /auth/me                               401     +      +        +        +       401     401    401     401
GET  /frame                                 401     +      +        +        +       401     401    401     401
GET  /auth/sessions                         401     +      +        +        +       401     401    401     401
GET  /people                                401     403    403      403      +       401     401    401     401
GET  /overview                              401     +      +        +        +       401     401    401     401
GET  /models                                401     +      +        +        +       401     401    401     401
GET  /models/{name}                         401     +      +        +        +       401     401    401     401
GET  /models/{name}/versions                401     +      +        +        +       401     401    401     401
GET  /models/{name}/versions/{number}       401     +      +        +        +       401     401    401     401
GET  /models/{name}/lineage                 401     +      +        +        +       401     401    401     401
GET  /models/{name}/versions/{number}/lineage 401   +      +        +        +       401     401    401     401
GET  /actions                               401     +      +        +        +       401     401    401     401
GET  /actions/{action_id}                   401     +      +        +        +       401     401    401     401
GET  /actions/{action_id}/evidence/{digest} 401     +      +        +        +       401     401    401     401
GET  /actions/{action_id}/reach             401     +      +        +        +       401     401    401     401
GET  /actions/{action_id}/bundle            401     +      +        +        +       401     401    401     401
GET  /alerts                                401     +      +        +        +       401     401    401     401
GET  /performance                           401     +      +        +        +       401     401    401     401
GET  /drift                                 401     +      +        +        +       401     401    401     401
GET  /drift/{window_id}/report              401     +      +        +        +       401     401    401     401
GET  /performance/calibration               401     +      +        +        +       401     401    401     401
GET  /performance/windows/{window_id}       401     +      +        +        +       401     401    401     401
GET  /drift/{window_id}                     401     +      +        +        +       401     401    401     401
GET  /drift/{window_id}/features/{feature}  401     +      +        +        +       401     401    401     401
GET  /data-quality                          401     +      +        +        +       401     401    401     401
GET  /data-quality/{window_id}/records      401     403    +        +        403     401     401    401     401
GET  /corrections                           401     +      +        +        +       401     401    401     401
GET  /refusals                              401     +      +        +        +       401     401    401     401
GET  /dead-letters                          401     403    +        +        403     401     401    401     401
GET  /trends                                401     +      +        +        +       401     401    401     401
GET  /agent/cycles                          401     +      +        +        +       401     401    401     401
GET  /agent/record                          401     +      +        +        +       401     401    401     401
GET  /report                                401     +      +        +        +       401     401    401     401
GET  /agent/runs                            401     +      +        +        +       401     401    401     401
GET  /agent/standing                        401     +      +        +        +       401     401    401     401
GET  /agent/now                             401     +      +        +        +       401     401    401     401
GET  /automation                            401     +      +        +        +       401     401    401     401
GET  /audit                                 401     +      +        +        +       401     401    401     401
GET  /notifications                         401     +      +        +        +       401     401    401     401
GET  /oversight                             401     +      +        +        +       401     401    401     401

POST /alerts/{alert_id}/acknowledge         401     403    +        +        403     401     401    401     401
POST /alerts/{alert_id}/resolve             401     403    +        +        403     401     401    401     401
POST /notifications/{delivery_id}/retry     401     403    +        +        403     401     401    401     401
POST /dead-letters/replay                   401     403    +        403      403     401     401    401     401
POST /models/{name}/rollback                401     403    +        +        403     403     403    403     +
POST /retrain                               401     403    +        +        403     403     403    403     +
POST /actions/{action_id}/reevaluate        401     403    +        +        403     401     401    401     401
POST /actions/{action_id}/comments          401     403    +        +        403     401     401    401     401
POST /actions/{action_id}/snooze            401     +      +        +        +       401     401    401     401
POST /actions/{action_id}/decision          401     403    403      +        403     401     401    401     401
GET  /proposals/{action_id}                 401     403    +        +        403     403     403    403     +
POST /reload                                401     403    +        403      403     403     403    403     +
POST /automation                            401     403    +        +        +       401     401    401     401
POST /auth/again                            401     +      +        +        +       401     401    401     401
POST /auth/oidc/again                       401     +      +        +        +       401     401    401     401
POST /auth/password                         401     +      +        +        +       401     401    401     401
POST /auth/sessions/{session_id}/end        401     +      +        +        +       401     401    401     401
POST /auth/sessions/end-others              401     +      +        +        +       401     401    401     401
POST /people                                401     403    403      403      +       401     401    401     401
POST /people/{person}/link                  401     403    403      403      +       401     401    401     401
POST /people/{person}/roles                 401     403    403      403      +       401     401    401     401
POST /people/{person}/disable               401     403    403      403      +       401     401    401     401
POST /people/{person}/enable                401     403    403      403      +       401     401    401     401
POST /people/{person}/end-sessions          401     403    403      403      +       401     401    401     401
POST /auth/logout                           401     +      +        +        +       401     401    401     401
GET  /roles                                 401     +      +        +        +       401     401    401     401
GET  /schedules                             401     +      +        +        +       401     401    401     401
GET  /data                                  401     +      +        +        +       401     401    401     401
GET  /notifications/channels                401     +      +        +        +       401     401    401     401
POST /notifications/channels/{channel}/test 401     403    +        +        403     401     401    401     401
GET  /audit/choices                         401     +      +        +        +       401     401    401     401
GET  /audit/export                          401     +      +        +        +       401     401    401     401
GET  /audit/verified                        401     +      +        +        +       401     401    401     401
POST /audit/verify                          401     403    403      403      +       401     401    401     401
GET  /policy                                401     +      +        +        +       401     401    401     401
POST /subjects/erase                        401     403    403      403      +       401     401    401     401
POST /policy/check                          401     403    403      403      +       401     401    401     401
GET  /keys                                  401     403    403      403      +       401     401    401     401
POST /keys                                  401     403    403      403      +       401     401    401     401
POST /keys/{key_id}/rotate                  401     403    403      403      +       401     401    401     401
POST /keys/{key_id}/revoke                  401     403    403      403      +       401     401    401     401

POST /actions/{action_id}/decision own      401     403    403      403      403     401     401    401     401
POST /actions/{action_id}/decision program  401     403    403      403      403     401     401    401     401
POST /actions/{action_id}/decision other    401     403    403      +        403     401     401    401     401
POST /auth/sessions/{session_id}/end own    401     +      +        +        +       401     401    401     401
POST /auth/sessions/{session_id}/end other  401     404    404      404      404     401     401    401     401
POST /people/{person}/disable own           401     403    403      403      403     401     401    401     401
POST /people/{person}/disable other         401     403    403      403      +       401     401    401     401
POST /keys/{key_id}/rotate own              401     403    403      403      +       401     401    401     401
POST /keys/{key_id}/rotate other            401     403    403      403      +       401     401    401     401
POST /keys/{key_id}/revoke own              401     403    403      403      +       401     401    401     401
POST /keys/{key_id}/revoke other            401     403    403      403      +       401     401    401     401
POST /models/{name}/predict own             401     401    401      401      401     +       403    403     403
POST /models/{name}/predict other           401     401    401      401      401     404     403    403     403
"""


@dataclass(frozen=True)
class Cell:
    """One caller at one route. `status`: how it is turned away; None when it is let in. `whose`: the object, or empty
    where a row says nothing of it."""

    method: str
    path: str
    caller: str
    status: int | None
    whose: str = ""


def cells() -> list[Cell]:
    """Every cell of the table, by row."""
    callers = ("nobody", *PEOPLE, *KEYS)
    found = []
    for method, path, *rest in (line.split() for line in TABLE.splitlines()[2:] if line.strip()):
        whose = rest.pop(0) if rest[0] in WHOSE else ""
        told = zip(callers, rest, strict=True)
        found += [Cell(method, path, caller, None if said == "+" else int(said), whose) for caller, said in told]
    return found
