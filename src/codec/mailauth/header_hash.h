// The header fields of a message as signatures cover them (RFC 6376 §3.4.1-2, §3.7, §5.4.2).
// Pure; made once per message: every field is put into its relaxed form at most once, whatever the
// number of signatures. Views point into the header block given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "codec/mailauth/body_hash.h"

namespace mail::dkim {

struct Field {
  std::string_view name;   // no blanks before the colon
  std::string_view value;  // behind the colon, folds included, final CRLF not
  std::string_view whole;  // final CRLF included, where there is one
};

// A field in relaxed form, CRLF at its end not included.
void append_relaxed(std::string& out, std::string_view name, std::string_view value);
// The text of a signature with the value of its b= taken out, as it is signed (§3.7). `b`: where
// the value stands in `whole`, all of it between "=" and ";".
std::string without_signature(std::string_view whole, std::string_view b);

class Header {
 public:
  explicit Header(std::string_view block);

  const std::vector<Field>& fields() const { return fields_; }
  std::size_t count(std::string_view name) const;  // of any case

  // Feeds the fields that h= names: of each name from the last one upwards; names without a field
  // left are nothing. Never `self`, the field that signs (§3.5).
  void feed(crypto::Digest& digest, const std::vector<std::string_view>& names, Form form,
            std::size_t self);
  // Feeds one field by its place in fields(), CRLF included.
  void feed(crypto::Digest& digest, std::size_t field, Form form);

 private:
  struct Group {  // fields of one name
    std::size_t begin;
    std::size_t end;  // in by_name_
    std::size_t left = 0;
  };
  Group* find(std::string_view name);
  const Group* find(std::string_view name) const;

  std::vector<Field> fields_;
  std::vector<std::string> relaxed_;    // by field; empty: not made yet
  std::vector<std::uint32_t> by_name_;  // fields, by name and then by place
  std::vector<Group> groups_;
};

}  // namespace mail::dkim
