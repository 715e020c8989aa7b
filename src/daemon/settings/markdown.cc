// docs/configuration.md from the same rows as everything else.
#include "base/text.h"
#include "daemon/settings/commands.h"
#include "daemon/settings/tables.h"

namespace mail {
namespace {

constexpr std::string_view kIntroduction =
    R"(<!-- Generated from src/daemon/settings/tables.h; the settings test compares it. To renew it:
     MAIL_UPDATE_DOCS=1 build/release/bin/mail_daemon_settings_test -->
# Configuration

One TOML file, `/etc/mailwright/mailwright.toml` unless `--config FILE` or `MAILWRIGHT_CONFIG` names
another. It is strict: a key that is not listed here, a value that cannot be, or a setting that has no
effect is refused with file, line, what is wrong and what to do; the program does not start, and a
reload keeps the settings it had.

- `mailwright config check` tells all that is wrong at once (exit status 78 if anything is).
- `mailwright config explain KEY` says what is on this page about one key or section.
- `mailwright config dump` prints what is in force, defaults included; `--defaults` prints the defaults.
- SIGHUP reads the file again. Keys marked *start* need a restart; when one of them changed, the log
  names it and the old value stays.

Durations are strings with a unit, `s`, `m`, `h` or `d`: `"5m"`. Sizes are strings with a unit, `B`,
`KiB`, `MiB` or `GiB`: `"50MiB"`. 0 never means unlimited. Paths are absolute. Domains, accounts and
aliases are data, not configuration: see `mailwright domain`, `account` and `alias`.

Two whole configurations are in `examples/`. The least that runs:

```toml
hostname = "mx.example.org"

[[listener]]
address = "0.0.0.0:25"
role = "mx"

[tls]
certificate = "/etc/mailwright/cert.pem"
key = "/etc/mailwright/key.pem"
```
)";

constexpr std::string_view kTableHead =
    "\n\n| key | value | default | a change takes effect at | meaning |\n|---|---|---|---|---|\n";

constexpr std::string_view kRoutesExample = R"(
```toml
[routes]
"archive.example.org" = "hold"
"partner.example" = { to = "smtp://mx.partner.example", tls = "verify" }
"lists.example.org" = "lmtp:/run/lists.sock"
"*" = { to = "smtps://smarthost.example.net", login = "me", password_file = "/etc/mailwright/smarthost" }

[routes.from]
"shop.example.org" = { to = "mx", source = "192.0.2.7", helo = "shop.example.org" }
```
)";

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

void append_row(std::string& out, const SettingInfo& info) {
  append(out, "| `", info.name, "` | ", cell(info.possible), " | ");
  if (info.fallback.empty()) {
    append(out, "*required*");
  } else {
    append(out, '`', info.fallback, '`');
  }
  append(out, " | ", info.needs_restart ? "start" : "reload", " | ", cell(info.help));
  if (!info.effective_only.empty()) append(out, " Only ", cell(info.effective_only), ".");
  append(out, " |\n");
}

}  // namespace

std::string configuration_markdown() {
  const std::vector<SettingInfo> infos = all_settings();
  std::string out(kIntroduction);
  each_section([&](const auto& section) {
    if (section.name.empty()) {
      append(out, "\n## Global\n\n");
    } else if (section.name == kListenerSection.name || section.name == kBlocklistSection.name ||
               section.name == kMilterSection.name) {
      append(out, "\n## [[", section.name, "]]\n\n");
    } else {
      append(out, "\n## [", section.name, "]\n\n");
    }
    append(out, section.help, kTableHead);
    for (const SettingInfo& info : infos) {
      if (info.section == section.name) append_row(out, info);
    }
    if (section.name != kRelaySection.name) return;
    append(out, "\n## [routes]\n\n", kRouteSection.help, kTableHead);
    for (const SettingInfo& info : infos) {
      if (info.section == kRouteSection.name) append_row(out, info);
    }
    out += kRoutesExample;
  });
  return out;
}

}  // namespace mail
