#include "daemon/ctl/commands.h"

#include "daemon/ctl/auth.h"

namespace mail::ctl {
namespace {

using cli::Command;
using cli::Count;
using cli::Needs;
using cli::Option;
using cli::Positional;
using cli::Takes;

struct Row {
  Command command;
  Handler handler = nullptr;
};

const Option kPasswordStdin{"--password-stdin", Takes::flag, "",
                            "Reads the password, one line, from standard input."};
const Option kPasswordHashStdin{
    "--password-hash-stdin", Takes::flag, "",
    "Instead of it reads a hash from another server, like {SHA512-CRYPT}$6$...; with {CRYPT}, "
    "{BLF-CRYPT}, {SHA256-CRYPT}, {SHA512-CRYPT}, {MD5-CRYPT}, {ARGON2I}, {ARGON2ID}, "
    "or without a scheme."};
const Option kCramMd5{"--cram-md5", Takes::flag, "",
                      "Also keeps what CRAM-MD5 needs, for old programs: whoever reads it in the "
                      "control store can log in by CRAM-MD5."};
const Option kFolder{"--folder", Takes::value, "NAME", "Another folder than INBOX."};

const Positional kIds{"ID", Count::any};
const Option kSender{"--sender", Takes::value, "ADDRESS",
                     "Of this sender; <> means notices, which have none."};
const Option kRecipient{"--recipient", Takes::value, "ADDRESS", "For this recipient."};
const Option kDomain{"--domain", Takes::value, "NAME", "For recipients at this domain."};
const Option kAll{"--all", Takes::flag, "", "Everything that waits."};

const std::vector<Row>& queue_rows() {
  static const std::vector<Row> rows = {
      {{"queue",
        "list",
        {kIds},
        {kSender,
         kRecipient,
         kDomain,
         {"--limit", Takes::value, "N", "At most so many; 1000 where not given."}},
        true,
        Needs::daemon,
        "Lists the mail that waits, when it is tried next, and why it waits."},
       queue_list},
      {{"queue",
        "show",
        {{"ID"}},
        {},
        true,
        Needs::daemon,
        "Shows what of one message waits, with every recipient and the whole reason."},
       queue_show},
      {{"queue",
        "retry",
        {kIds},
        {kSender, kRecipient, kDomain, kAll},
        false,
        Needs::daemon,
        "Tries mail now, however long its next hop was to be left alone."},
       queue_retry},
      {{"queue",
        "hold",
        {kIds},
        {kSender,
         kRecipient,
         kDomain,
         kAll,
         {"--reason", Takes::value, "TEXT", "Shown by `queue list`."}},
        false,
        Needs::daemon,
        "Keeps mail aside until it is released; it does not expire."},
       queue_hold},
      {{"queue",
        "release",
        {kIds},
        {kSender, kRecipient, kDomain, kAll},
        false,
        Needs::daemon,
        "Sends mail that is held on its way, wherever that leads now."},
       queue_release},
      {{"queue",
        "bounce",
        {kIds},
        {kSender,
         kRecipient,
         kDomain,
         kAll,
         {"--reason", Takes::value, "TEXT", "What its sender reads."}},
        false,
        Needs::daemon,
        "Gives mail that waits or is held back to its sender."},
       queue_bounce},
      {{"explain",
        "",
        {{"FROM"}, {"TO"}},
        {},
        true,
        Needs::daemon,
        "Says where mail from one address to another would go, and why, without sending any."},
       explain},
  };
  return rows;
}

const std::vector<Row>& server_rows() {
  static const std::vector<Row> rows = {
      {{"serve",
        "",
        {},
        {},
        false,
        Needs::config,
        "Runs the server in the foreground, as the user who starts it; logs to standard error."}},
      {{"status",
        "",
        {},
        {},
        true,
        Needs::daemon,
        "Shows listeners, health of the store and the sums of all recipients ever accepted."},
       show_status},
      {{"config",
        "check",
        {},
        {},
        false,
        Needs::config,
        "Reads the configuration and names everything that is wrong with it."}},
      {{"config",
        "explain",
        {{"KEY", Count::optional}},
        {},
        true,
        Needs::nothing,
        "Says what a setting does, what it may be and when a change takes effect; without KEY, of "
        "all."}},
      {{"config",
        "dump",
        {},
        {{"--defaults", Takes::flag, "", "The defaults, whatever the file says."}},
        true,
        Needs::config,
        "Prints the settings in force, as a configuration file."}},
      {{"report",
        "list",
        {{"DOMAIN", Count::optional}},
        {{"--limit", Takes::value, "N", "At most so many; 100 where not given."}},
        true,
        Needs::daemon,
        "Lists what other servers reported of mail in the name of domains here, newest first."},
       report_list},
      {{"report",
        "show",
        {{"WHAT"}},
        {},
        true,
        Needs::daemon,
        "Shows one report, by its number, or what all reports about a domain say: how much mail in "
        "its name came from which source, and whether it passed."},
       report_show},
      {{"store",
        "check",
        {},
        {},
        true,
        Needs::store,
        "Reads every record and body of the stores and names what is damaged."},
       store_check},
      {{"store",
        "backup",
        {{"DIR"}},
        {},
        false,
        Needs::store,
        "Copies the live stores into a new folder, from which a server can be started."},
       store_backup},
      {{"store",
        "export",
        {{"FILE"}},
        {},
        true,
        Needs::store,
        "Writes the mail that waits or is held into a new file, for another machine, and holds it "
        "here from then on: nothing is sent twice. Mailboxes are not in it; `store backup` has "
        "those."},
       store_export},
      {{"store",
        "import",
        {{"FILE"}},
        {},
        true,
        Needs::store,
        "Takes the mail of an exported file: it waits here as it did there. What is here already "
        "is passed over; on the machine that exported it, it waits again."},
       store_import},
      {{"store",
        "forget",
        {{"FILE"}},
        {},
        true,
        Needs::store,
        "Gives up what is held here since it was exported to the file, once the other machine has "
        "imported it."},
       store_forget},
      {{"store",
        "salvage",
        {},
        {},
        true,
        Needs::store,
        "Makes a store open again whose table files are damaged: sets them aside, keeps the rest, "
        "and names each message that lost something. A running daemon, which has its store open, "
        "refuses."},
       store_salvage},
  };
  return rows;
}

const std::vector<Row>& directory_rows() {
  static const std::vector<Row> rows = {
      {{"domain",
        "add",
        {{"NAME"}},
        {{"--owner", Takes::value, "ADDRESS",
          "Gets the mail for postmaster, abuse and root; else the domain's first account."}},
        false,
        Needs::daemon,
        "Takes mail for a domain."},
       domain_add},
      {{"domain", "list", {}, {}, true, Needs::daemon, "Lists the domains mail is taken for."},
       domain_list},
      {{"domain",
        "remove",
        {{"NAME"}},
        {{"--with-accounts", Takes::flag, "", "With its accounts and all their mail."}},
        false,
        Needs::daemon,
        "Takes no more mail for a domain."},
       domain_remove},
      {{"domain",
        "dns",
        {{"NAME"}},
        {{"--zone", Takes::flag, "", "Prints the records as a zone file."}},
        true,
        Needs::daemon,
        "Shows which records a domain should publish, what the DNS shows now, and what to do."},
       domain_dns},
      {{"domain",
        "dkim",
        {{"ACTION"}, {"NAME"}, {"SELECTOR", Count::optional}},
        {},
        true,
        Needs::daemon,
        "Its signing keys. ACTION is list; rotate, which makes new keys that are used, in place of "
        "the old ones, once the DNS shows them; or force, which uses the key SELECTOR now, "
        "whatever the DNS shows."},
       domain_dkim},
      {{"account",
        "add",
        {{"ADDRESS"}},
        {kPasswordStdin,
         kPasswordHashStdin,
         kCramMd5,
         {"--quota", Takes::value, "SIZE", "Most its mailboxes may hold, like 2GiB."},
         {"--send-as", Takes::values, "PATTERN",
          "Another sender it may use, like team@yahoo.test or *@yahoo.test; may be given again."}},
        false,
        Needs::daemon,
        "Makes an account with a mailbox."},
       account_add},
      {{"account", "list", {}, {}, true, Needs::daemon, "Lists the accounts."}, account_list},
      {{"account",
        "passwd",
        {{"ADDRESS"}},
        {kPasswordStdin, kPasswordHashStdin, kCramMd5},
        false,
        Needs::daemon,
        "Changes the password of an account."},
       account_passwd},
      {{"account",
        "disable",
        {{"ADDRESS"}},
        {},
        false,
        Needs::daemon,
        "Refuses its logins; its mail is still taken."},
       account_disable},
      {{"account", "enable", {{"ADDRESS"}}, {}, false, Needs::daemon, "Allows its logins again."},
       account_enable},
      {{"account",
        "grant",
        {{"ADDRESS"}, {"PATTERN", Count::many}},
        {},
        false,
        Needs::daemon,
        "Lets an account use other senders too: an address, or *@domain for all of a domain."},
       account_grant},
      {{"account",
        "revoke",
        {{"ADDRESS"}, {"PATTERN", Count::many}},
        {},
        false,
        Needs::daemon,
        "Takes such senders back, as they were granted."},
       account_revoke},
      {{"account",
        "remove",
        {{"ADDRESS"}},
        {},
        false,
        Needs::daemon,
        "Removes an account and all its mail."},
       account_remove},
      {{"app-password",
        "add",
        {{"ADDRESS"}, {"NAME"}},
        {{"--rights", Takes::value, "RIGHTS",
          "What a login with it may do: submit, read, or submit,read, which is the default."}},
        true,
        Needs::daemon,
        "Makes another password for an account, for one program of its user, and prints it once."},
       app_password_add},
      {{"app-password",
        "list",
        {{"ADDRESS"}},
        {},
        true,
        Needs::daemon,
        "Lists the app passwords of an account and when each was used last, to ten minutes."},
       app_password_list},
      {{"app-password",
        "remove",
        {{"ADDRESS"}, {"NAME"}},
        {},
        false,
        Needs::daemon,
        "Removes an app password; no login with it is taken any more."},
       app_password_remove},
      {{"alias",
        "add",
        {{"ADDRESS"}, {"MEMBER", Count::many}},
        {{"--list", Takes::flag, "",
          "A mailing list: its mail goes out with the owner as return path (RFC 5321 §3.9.2)."},
         {"--owner", Takes::value, "ADDRESS",
          "Of a list: is told what can not be delivered to its members."}},
        false,
        Needs::daemon,
        "Sends mail for an address to its members; \"@domain\" catches the rest of a domain."},
       alias_add},
      {{"alias", "list", {}, {}, true, Needs::daemon, "Lists the aliases."}, alias_list},
      {{"alias", "remove", {{"ADDRESS"}}, {}, false, Needs::daemon, "Removes an alias."},
       alias_remove},
  };
  return rows;
}

const std::vector<Row>& mail_rows() {
  static const std::vector<Row> rows = {
      {{"mailbox",
        "list",
        {{"ADDRESS"}},
        {kFolder},
        true,
        Needs::daemon,
        "Lists the messages of a mailbox."},
       mailbox_list},
      {{"mailbox",
        "show",
        {{"ADDRESS"}, {"UID"}},
        {{"--raw", Takes::flag, "", "The bytes as they are stored, and nothing else."}, kFolder},
        false,
        Needs::daemon,
        "Shows a message of a mailbox. Leaves a line in the log."},
       mailbox_show},
      {{"mailbox",
        "delete",
        {{"ADDRESS"}, {"UID"}},
        {kFolder},
        false,
        Needs::daemon,
        "Removes a message from a mailbox."},
       mailbox_delete},
      {{"message",
        "show",
        {{"ID"}},
        {},
        true,
        Needs::daemon,
        "Shows sender, recipients and what became of each."},
       message_show},
      {{"message",
        "trace",
        {{"ID"}},
        {},
        true,
        Needs::daemon,
        "Shows what happened to a message, in order of time."},
       message_trace},
      {{"message",
        "raw",
        {{"ID"}},
        {},
        false,
        Needs::daemon,
        "Prints a message as it is stored. Leaves a line in the log."},
       message_raw},
      {{"message",
        "events",
        {},
        {{"--after", Takes::value, "N", "Only those behind this sequence number."}},
        true,
        Needs::daemon,
        "Lists the events of all messages, in the order they were kept."},
       message_events},
      {{"send",
        "",
        {{"FILE", Count::optional}},
        {{"--server", Takes::value, "HOST:PORT", "Where to submit.", true},
         {"--tls", Takes::value, "MODE", "none, starttls or implicit; starttls where not given."},
         {"--insecure", Takes::flag, "", "Checks no certificate."},
         {"--ca", Takes::value, "FILE", "Trusts the certificates in this file."},
         {"--login", Takes::value, "ADDRESS", "Account to log in with."},
         {"--password-stdin", Takes::flag, "",
          "Reads the password, the first line, from standard input."},
         {"--password-file", Takes::value, "FILE", "Reads the password from the first line."},
         {"--from", Takes::value, "ADDRESS", "Sender.", true},
         {"--to", Takes::values, "ADDRESS", "Recipient; may be given again.", true},
         {"--subject", Takes::value, "TEXT",
          "Makes a header of its own: FILE is the text of the message then."}},
        true,
        Needs::nothing,
        "Submits a message, from FILE or standard input."}},
  };
  return rows;
}

const std::vector<Row>& all_rows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> all;
    for (const std::vector<Row>* part :
         {&server_rows(), &directory_rows(), &mail_rows(), &queue_rows()}) {
      all.insert(all.end(), part->begin(), part->end());
    }
    for (const Command& command : auth::commands()) all.push_back({command});
    return all;
  }();
  return rows;
}

}  // namespace

std::span<const Command> commands() {
  static const std::vector<Command> table = [] {
    std::vector<Command> all;
    for (const Row& row : all_rows()) all.push_back(row.command);
    return all;
  }();
  return table;
}

Handler find_handler(std::string_view noun, std::string_view verb) {
  for (const Row& row : all_rows()) {
    if (row.command.noun == noun && row.command.verb == verb) return row.handler;
  }
  return nullptr;
}

}  // namespace mail::ctl
