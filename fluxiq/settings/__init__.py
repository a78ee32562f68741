"""One frozen settings object, read once at the start and passed down.

Layers, later wins: `config/base.toml`, the profile, `config/institutions/*.toml`, the file named by
`FLUXIQ_CONFIG`, then `FLUXIQ_<SECTION>__<KEY>`, or `FLUXIQ_<SECTION>__<KEY>_FILE` where a text is
better kept in a file. Unknown and mistyped keys are errors that name key and source.

`sections` has what can be set, `layers` who wins, `checks` what belongs together; `providers`,
`identity` and `tls` are sections that only their rooms know.
"""

from fluxiq.settings.institutions import check_institution as check_institution
from fluxiq.settings.institutions import check_ledger_is_free as check_ledger_is_free
from fluxiq.settings.institutions import read_institution as read_institution
from fluxiq.settings.layers import load as load
from fluxiq.settings.providers import ProviderLink as ProviderLink
from fluxiq.settings.sections import LEDGER_CALL_SECONDS_MAX as LEDGER_CALL_SECONDS_MAX
from fluxiq.settings.sections import SETTLEMENT_SECONDS_MAX as SETTLEMENT_SECONDS_MAX
from fluxiq.settings.sections import Audit as Audit
from fluxiq.settings.sections import Directory as Directory
from fluxiq.settings.sections import Http as Http
from fluxiq.settings.sections import Institution as Institution
from fluxiq.settings.sections import Ledger as Ledger
from fluxiq.settings.sections import Limits as Limits
from fluxiq.settings.sections import Log as Log
from fluxiq.settings.sections import Operators as Operators
from fluxiq.settings.sections import OwnLimits as OwnLimits
from fluxiq.settings.sections import Retention as Retention
from fluxiq.settings.sections import Settings as Settings
from fluxiq.settings.sections import Webhooks as Webhooks
