// A field with parameters, as Content-Type and Content-Disposition are (RFC 2045 §5.1, RFC 2183
// §2): read generously, for mail is written by many hands. Comments are passed over. Pure, linear.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mail::message {

struct Parameter {
  std::string name;   // lower case
  std::string value;  // unquoted
};

struct ParameterField {
  std::string value;  // lower case: "text/plain"; empty where it could not be read
  std::vector<Parameter> parameters;
  // The first of that name (lower case), or empty.
  std::string_view parameter(std::string_view name) const;
};

inline constexpr std::size_t kMaxParameters = 100;  // those behind are not looked at
ParameterField parse_parameter_field(std::string_view value);

}  // namespace mail::message
