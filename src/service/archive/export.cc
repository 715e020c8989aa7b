// Export: page by page what waits is held, then written as it was before. The file gets its name
// when all of it is synced.
#include <algorithm>
#include <set>
#include <utility>

#include "base/text.h"
#include "service/archive/parts.h"

namespace mail::archive {
namespace {

constexpr std::size_t kPage = 64;                      // messages
constexpr std::size_t kBuffer = std::size_t{1} << 20;  // octets of the file

class Exporter {
 public:
  Exporter(Carrier carrier, const std::filesystem::path& file, Holder& holder, os::AppendFile out)
      : carrier_(carrier), file_(file), holder_(holder), out_(std::move(out)) {
    exported_.archive = carrier_.store.next_id();
  }

  Task<Result<Exported>> run() {
    const Head head{exported_.archive, carrier_.clock.wall_now()};
    writer_.head(buffer_, head);
    std::optional<MessageId> after;
    const MessageId last = exported_.archive;  // what comes later is not part of it
    for (;;) {
      MAIL_CO_TRY(std::vector<MessageId> page, co_await carrier_.store.waiting(after, kPage));
      std::erase_if(page, [&](MessageId id) { return id >= last; });
      if (page.empty()) break;
      after = page.back();
      MAIL_CO_TRY(co_await take(page));
      for (Message& message : page_) {
        MAIL_CO_TRY(co_await write(message));
      }
      MAIL_CO_TRY(co_await flush(1));  // undo() knows the page at hand, and the file
      if (carrier_.progress != nullptr)
        co_await carrier_.progress->reached(writer_.so_far().messages);
    }
    // Held after all, when it was too late for the archive: not to be forgotten with it.
    for (Message& message : left_) {
      std::erase_if(message.waiting, [&](const Waiting& each) {
        return written_.contains({message.envelope.id, each.number});
      });
      MAIL_CO_TRY(co_await put_back(carrier_, exported_.archive, message));
    }
    exported_.sending = left_.size();
    exported_.sums = writer_.end(buffer_);
    MAIL_CO_TRY(co_await flush(1));
    MAIL_CO_TRY(co_await on(carrier_.pool, [this] { return out_.sync(); }));
    co_return exported_;
  }

  // Everything waits again as before: what is in the file so far, and the page that was not yet.
  Task<Result<void>> undo(std::filesystem::path written) {
    for (const Message& message : left_) {
      MAIL_CO_TRY(co_await put_back(carrier_, exported_.archive, message));
    }
    for (const Message& message : page_) {
      MAIL_CO_TRY(co_await put_back(carrier_, exported_.archive, message));
    }
    MAIL_CO_TRY(Source source, co_await Source::open(carrier_.pool, std::move(written)));
    for (;;) {
      Result<std::optional<Item>> item = co_await source.next();
      if (!item) break;  // where the writing ended
      const std::optional<Item>& each = *item;
      if (!each) break;
      if (const auto* message = std::get_if<Message>(&*each)) {
        MAIL_CO_TRY(co_await put_back(carrier_, exported_.archive, *message));
      }
    }
    co_return Result<void>{};
  }

 private:
  // Holds what waits of these messages, and remembers how it waited.
  Task<Result<void>> take(const std::vector<MessageId>& ids) {
    page_.clear();
    std::vector<MessageId> queued;
    std::vector<Outcome> held;
    const std::string mark = mark_of(exported_.archive, file_, "");
    for (const MessageId id : ids) {
      MAIL_CO_TRY(const std::vector<QueuedDelivery> rows, co_await carrier_.store.queued_of(id));
      MAIL_CO_TRY(const std::vector<HeldDelivery> aside, co_await carrier_.store.held_of(id));
      Message& message = page_.emplace_back();
      message.envelope.id = id;
      if (!rows.empty()) queued.push_back(id);
      for (const QueuedDelivery& row : rows) {
        const QueueName& name = row.key.queue;
        message.waiting.push_back({row.key.number,
                                   InQueue{name.route, name.domain, name.lane, row.key.due},
                                   row.delivery});
      }
      for (const HeldDelivery& row : aside) {
        if (has_mark(row.delivery.reason)) {
          ++exported_.elsewhere;
          continue;
        }
        message.waiting.push_back({row.key.number, std::nullopt, row.delivery});
        held.push_back(moved(row, Held{mark_of(exported_.archive, file_, row.delivery.reason)},
                             carrier_.clock.wall_now()));
      }
    }
    if (!held.empty()) {
      MAIL_CO_TRY(co_await carrier_.store.settle(std::move(held)));
    }
    if (!queued.empty()) {
      MAIL_CO_TRY(co_await holder_.hold(std::move(queued), mark));
    }
    co_return Result<void>{};
  }

  // What is held for this archive now is what goes into it, as it was when it was held.
  Task<Result<void>> write(Message& message) {
    const MessageId id = message.envelope.id;
    MAIL_CO_TRY(const std::vector<HeldDelivery> rows, co_await carrier_.store.held_of(id));
    const std::size_t waited = message.waiting.size();
    Message before = message;
    std::erase_if(message.waiting, [&](Waiting& waiting) {
      const auto row = std::ranges::find_if(
          rows, [&](const HeldDelivery& each) { return each.key.number == waiting.number; });
      if (row == rows.end() || !has_mark(row->delivery.reason, exported_.archive)) return true;
      std::string reason = std::exchange(waiting.delivery.reason, {});
      waiting.delivery = row->delivery;  // it may have been tried since it was read
      waiting.delivery.reason = std::move(reason);
      return false;
    });
    if (message.waiting.size() < waited) {
      MAIL_CO_TRY(const std::vector<QueuedDelivery> queued, co_await carrier_.store.queued_of(id));
      if (!queued.empty()) {
        for (const Waiting& each : message.waiting) written_.insert({id, each.number});
        left_.push_back(std::move(before));
      }
    }
    if (message.waiting.empty()) co_return Result<void>{};
    Result<record::Envelope> envelope = co_await carrier_.store.envelope(id);
    Result<std::vector<record::Event>> events = co_await carrier_.store.events_of(id);
    if (!envelope || !events || events->empty()) {
      const Errc code = !envelope ? envelope.error().code : Errc::store_corrupt;
      if (code != Errc::store_corrupt && code != Errc::not_found) {
        co_return std::unexpected(envelope.error());
      }
      co_return co_await leave(message);
    }
    const record::BodyRef body = std::exchange(envelope->body, record::NoBody{});
    envelope->references = 0;
    envelope->deliveries = 0;
    message.envelope = std::move(*envelope);
    message.events = std::move(*events);
    writer_.message(buffer_, message);
    MAIL_CO_TRY(const bool whole, co_await write_content(message.envelope, body));
    if (!whole) {
      writer_.withdraw(buffer_);
      co_return co_await leave(message);
    }
    co_return Result<void>{};
  }

  // It cannot be read, so it cannot be carried: it waits here, and is named.
  Task<Result<void>> leave(const Message& message) {
    exported_.damaged.push_back(message.envelope.id);
    const Result<std::size_t> back = co_await put_back(carrier_, exported_.archive, message);
    if (!back && back.error().code != Errc::store_corrupt && back.error().code != Errc::not_found) {
      co_return std::unexpected(back.error());
    }
    co_return Result<void>{};
  }

  // No: it is damaged.
  Task<Result<bool>> write_content(const record::Envelope& envelope, record::BodyRef body) {
    std::string waiting;
    for (std::uint64_t offset = 0; offset < envelope.size;) {
      Result<std::string> part = co_await carrier_.store.read_body(body, offset);
      if (!part) {
        const Errc code = part.error().code;
        if (code == Errc::store_corrupt || code == Errc::not_found) co_return false;
        co_return std::unexpected(std::move(part).error());
      }
      if (part->empty() || part->size() > envelope.size - offset) co_return false;
      offset += part->size();
      waiting += *part;
      std::string_view rest = waiting;
      for (; rest.size() >= kChunk; rest.remove_prefix(kChunk)) {
        writer_.chunk(buffer_, rest.substr(0, kChunk));
        MAIL_CO_TRY(co_await flush(kBuffer));
      }
      waiting.erase(0, waiting.size() - rest.size());
    }
    if (!waiting.empty()) writer_.chunk(buffer_, waiting);
    MAIL_CO_TRY(co_await flush(kBuffer));
    co_return true;
  }

  Task<Result<void>> flush(std::size_t from) {
    if (buffer_.size() < from) co_return Result<void>{};
    MAIL_CO_TRY(co_await on(carrier_.pool, [this] { return out_.append(buffer_); }));
    buffer_.clear();
    co_return Result<void>{};
  }

  const Carrier carrier_;
  const std::filesystem::path& file_;
  Holder& holder_;
  os::AppendFile out_;
  Writer writer_;
  std::string buffer_;
  std::vector<Message> page_;
  std::vector<Message> left_;  // of which something is being sent
  std::set<HeldKey> written_;  // of their other deliveries
  Exported exported_;
};

}  // namespace

Task<Result<void>> StoreHolder::hold(std::vector<MessageId> messages, std::string reason) {
  std::vector<Outcome> outcomes;
  for (const MessageId id : messages) {
    MAIL_CO_TRY(const std::vector<QueuedDelivery> rows, co_await store_.queued_of(id));
    for (const QueuedDelivery& row : rows) {
      outcomes.push_back(moved(row, Held{reason}, clock_.wall_now()));
    }
  }
  co_return co_await store_.settle(std::move(outcomes));
}

Task<Result<Exported>> export_queue(Carrier carrier, std::filesystem::path file, Holder& holder) {
  std::error_code error;
  if (std::filesystem::exists(file, error)) {
    co_return fail(Errc::already_exists,
                   concat(file.string(), " is there; an export never writes over a file"));
  }
  std::filesystem::path part = file;
  part += ".part";
  if (std::filesystem::exists(part, error)) {
    co_return fail(Errc::already_exists,
                   concat(part.string(),
                          " is there: an export that did not end. What it took is held, as "
                          "`mailwright queue list` shows; `mailwright queue release` lets it go. "
                          "Then remove the file"));
  }
  MAIL_CO_TRY(os::AppendFile out,
              co_await on(carrier.pool, [&] { return os::AppendFile::create(part, 0600); }));
  Exporter exporter(carrier, file, holder, std::move(out));
  Result<Exported> exported = co_await exporter.run();
  if (exported) {
    const Result<void> named =
        co_await on(carrier.pool, [&] { return os::publish_file(part, file); });
    if (!named) exported = std::unexpected(named.error());
  }
  if (exported) co_return exported;
  const Result<void> undone = co_await exporter.undo(part);
  if (!undone) {
    co_return fail(
        exported.error().code,
        concat(exported.error().detail, "; what was taken could not be put back (",
               undone.error().detail, ") and is held: `mailwright queue release` lets it go"));
  }
  const Result<void> removed = co_await on(carrier.pool, [&] { return os::remove_file(part); });
  co_return fail(
      exported.error().code,
      concat(exported.error().detail, "; nothing was exported, everything waits as before",
             removed ? "" : concat(", ", part.string(), " is of no use")));
}

}  // namespace mail::archive
