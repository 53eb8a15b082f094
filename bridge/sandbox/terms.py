"""Due dates: what each `pay_before` code means. Pure."""

import re
from calendar import monthrange
from datetime import date, timedelta

CODE = re.compile(r"(?P<days>\d\d)(?P<month_end>fm)?(?P<day>\d\d)?(-inv)?")


def due_on(pay_before: str | None, *, invoiced_on: date, delivery_on: date | None) -> date | None:
    """The due date of an invoice, None for a code only the firm knows.

    "0" and "cash" are due at once. "60fm" is 60 days, then the end of that month (invoiced on 2013-07-29,
    due on 2013-09-30: https://facturation.github.io/api/factures/create.html); "30fm10" is the 10th of the
    month after. Days run from the delivery, or from the invoice with the suffix "-inv".
    """
    if pay_before in (None, "", "0", "cash"):
        return invoiced_on
    code = CODE.fullmatch(pay_before or "")
    if code is None:
        return None
    start = invoiced_on if code[0].endswith("-inv") else delivery_on or invoiced_on
    due = start + timedelta(days=int(code["days"]))
    if code["month_end"]:
        due = due.replace(day=monthrange(due.year, due.month)[1])
    if code["day"]:
        due += timedelta(days=int(code["day"]))
    return due
