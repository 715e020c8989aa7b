// Any text either parses or is refused with a place; what is written of it reads back the same.
#include <cstdint>
#include <cstdlib>

#include "platform/toml/toml.h"

namespace {

using namespace mail;

// Floats and dates are never written.
bool has_other(const toml::Value& value) {
  if (std::holds_alternative<toml::Other>(value.data)) return true;
  if (const toml::Array* array = value.array()) {
    for (const toml::Value& item : *array) {
      if (has_other(item)) return true;
    }
  }
  if (const toml::Table* table = value.table()) {
    for (const toml::Entry& entry : table->entries) {
      if (has_other(entry.value)) return true;
    }
  }
  return false;
}

std::string written(const toml::Table& table) {
  std::string out;
  for (const toml::Entry& entry : table.entries) {
    out += toml::key_text(entry.key) + " = ";
    toml::append_value(out, entry.value);
    out += '\n';
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto table = toml::parse({reinterpret_cast<const char*>(data), size});
  if (!table) {
    if (table.error().where.line == 0 || table.error().sentence.empty()) std::abort();
    return 0;
  }
  if (has_other(toml::Value{*table, {}})) return 0;
  const std::string text = written(*table);
  const auto again = toml::parse(text);
  if (!again || written(*again) != text) std::abort();
  return 0;
}
