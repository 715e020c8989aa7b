// The rows of [signing] and [forwarding]. Part of tables.h, which says how to add one.
#pragma once

#include <array>

#include "daemon/settings/setting.h"

namespace mail {

inline constexpr auto kSigningSettings = std::to_array<Setting<SigningSettings>>({
    {"key_file",
     &SigningSettings::key_file,
     "",
     {},
     Reload::restart,
     "File with the key that private signing keys are encrypted with in the control store, an "
     "absolute path, readable by its owner alone (0600); made when it is missing. Empty: the "
     "systemd credential \"dkim.key\" where the service has one, else dkim.key in state. Keep a "
     "copy: without it new signing keys have to be made and published."},
    {"check_every",
     &SigningSettings::check_every,
     "10m",
     {1, 86'400},
     Reload::live,
     "How often the DNS is asked whether it shows the keys. One that it shows is used from then "
     "on, one that it shows no more is not; `mailwright domain dns` asks at once."},
    {"rotate",
     &SigningSettings::rotate,
     "false",
     {},
     Reload::live,
     "Make new keys when the old ones were used for rotate_after. They are used once they are "
     "published, which somebody has to do: off by default, so that nobody is asked to who did not "
     "want it. `mailwright domain dkim rotate` does it by hand."},
    {"rotate_after",
     &SigningSettings::rotate_after,
     "180d",
     {60, 3650 * 86'400UL},
     Reload::live,
     "How long a key is used before a new one is made.",
     [](const SigningSettings& with) { return with.rotate; },
     "with rotate = true"},
    {"retired_for",
     &SigningSettings::retired_for,
     "14d",
     {1, 3650 * 86'400UL},
     Reload::live,
     "How long a key that is not used any more is kept, and should stay published, for mail that "
     "is still on its way; then it is revoked."},
});

inline constexpr auto kForwardingSettings = std::to_array<Setting<ForwardingSettings>>({
    {"srs",
     &ForwardingSettings::srs,
     "true",
     {},
     Reload::restart,
     "Write senders from elsewhere anew (SRS) when an alias sends their mail on to other domains, "
     "so that SPF finds this server in it; notices find their way back."},
    {"srs_secret_file",
     &ForwardingSettings::srs_secret_file,
     "",
     {},
     Reload::restart,
     "File with the secrets of SRS, one a line, as postsrsd has them: the first makes addresses, "
     "all verify. For several servers that take each other's notices. Empty: one of this server's "
     "own.",
     [](const ForwardingSettings& with) { return with.srs; },
     "with srs = true"},
});

inline constexpr Section<SigningSettings> kSigningSection{
    "signing", &Settings::signing, kSigningSettings,
    "How mail that leaves is signed (DKIM). Each domain gets keys with `mailwright domain add`; "
    "`mailwright domain dns` says how to publish them."};
inline constexpr Section<ForwardingSettings> kForwardingSection{
    "forwarding", &Settings::forwarding, kForwardingSettings,
    "What becomes of mail that an alias sends on to other domains."};

}  // namespace mail
