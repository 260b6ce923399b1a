// The wire against bytes that real daffi nodes sent, and against bytes that nobody should send.
#include "hex.hpp"

#include <weft/mesh/frame.hpp>
#include <weft/mesh/handshake.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft::mesh {
namespace {

using testing::from_hex;
using testing::text_of;

Frame must_parse(const std::vector<std::byte>& raw) {
    Frame frame;
    FrameHeader header;
    EXPECT_EQ(parse_header(raw.data(), header), FrameFault::none);
    EXPECT_EQ(header.frame_size(), raw.size());
    EXPECT_EQ(parse_frame(raw, header, frame), FrameFault::none);
    return frame;
}

TEST(FrameParse, request_of_a_daffi_client) {
    const auto raw = from_hex(
        "0200e1280000 1a0081 63616c6c65727c77327c616464"
        "80049510000000000000004b0185947d948c0162944b027386942e");
    const Frame frame = must_parse(raw);
    EXPECT_EQ(frame.header.id, 2);
    EXPECT_EQ(frame.header.flag, Flag::request);
    EXPECT_EQ(frame.header.serde, Serde::pickle);
    EXPECT_TRUE(frame.header.is_bytes);
    EXPECT_TRUE(frame.header.wants_reply);
    EXPECT_EQ(frame.transmitter, "caller");
    EXPECT_EQ(frame.receiver, "w2");
    EXPECT_EQ(frame.function, "add");
    EXPECT_EQ(frame.data.size(), 27u);
}

TEST(FrameWrite, gives_daffis_bytes_back) {
    Buffer out;
    FrameWriter writer(out, "caller", "w1", "echo");
    writer.data().append(std::string_view("abc"));
    FrameHeader header;
    header.id = 5;
    header.flag = Flag::request;
    header.is_bytes = true;
    header.wants_reply = true;
    ASSERT_TRUE(writer.finish(header));
    EXPECT_EQ(testing::to_hex(out.bytes()),
              "0500c11100001c00"
              "81"
              "63616c6c65727c77317c6563686f"
              "616263");
}

TEST(FrameWrite, header_of_every_field_reads_back) {
    for (const Flag flag :
         {Flag::handshake, Flag::request, Flag::response, Flag::error, Flag::events, Flag::extension})
        for (const Serde serde : {Serde::opaque, Serde::json, Serde::pickle, Serde::msgpack})
            for (const std::uint32_t size : {0u, 1u, 255u, 65536u, 33554431u}) {
                FrameHeader header;
                header.id = 0xfedc;
                header.flag = flag;
                header.serde = serde;
                header.is_bytes = size % 2 == 0;
                header.wants_reply = size % 2 == 1;
                header.message_size = size;
                header.metadata_size = static_cast<std::uint16_t>(size < 32767 ? size : 32767);
                header.tail = 0x2a;
                std::byte bytes[header_size];
                write_header(header, bytes);
                FrameHeader again;
                EXPECT_EQ(parse_header(bytes, again), FrameFault::none);
                EXPECT_EQ(again, header);
            }
}

TEST(FrameWrite, larger_than_the_wire_can_say_is_refused_and_taken_back) {
    Buffer out;
    out.append(std::string_view("before"));
    FrameWriter writer(out, "a", "b", "f");
    writer.data().resize(out.size() + max_message_size);
    EXPECT_FALSE(writer.finish(FrameHeader()));
    EXPECT_EQ(out.text(), "before");
    const std::string name(40000, 'n');
    EXPECT_FALSE(FrameWriter(out, name, "b", "f").ok());
}

TEST(FrameParse, flags_beyond_extensions_are_a_fault) {
    for (int flag = 6; flag < 16; ++flag) {
        std::byte bytes[header_size] = {};
        bytes[2] = static_cast<std::byte>(flag);
        FrameHeader header;
        EXPECT_EQ(parse_header(bytes, header), FrameFault::bad_flag);
    }
}

TEST(FrameParse, metadata_longer_than_its_message_is_a_fault) {
    FrameHeader header;
    header.message_size = 4;
    header.metadata_size = 5;
    std::byte bytes[header_size];
    write_header(header, bytes);
    FrameHeader again;
    EXPECT_EQ(parse_header(bytes, again), FrameFault::metadata_too_long);
}

TEST(FrameParse, metadata_has_exactly_three_fields) {
    for (const std::string_view metadata : {"", "a", "a|b", "a|b|c|d", "|||", "a|b|\xff"}) {
        Buffer out;
        out.extend(header_size);
        out.append(metadata);
        FrameHeader header;
        header.message_size = static_cast<std::uint32_t>(metadata.size());
        header.metadata_size = static_cast<std::uint16_t>(metadata.size());
        Frame frame;
        EXPECT_EQ(parse_frame(out.bytes(), header, frame), FrameFault::bad_metadata) << metadata;
    }
    Buffer out;
    ASSERT_TRUE(FrameWriter(out, "", "", "").finish(FrameHeader()));
    FrameHeader header;
    ASSERT_EQ(parse_header(out.data(), header), FrameFault::none);
    Frame frame;
    EXPECT_EQ(parse_frame(out.bytes(), header, frame), FrameFault::none);
    EXPECT_EQ(frame.transmitter, "");
}

TEST(FrameNames, separators_and_control_characters_are_refused) {
    EXPECT_TRUE(valid_name("worker-1.eu"));
    EXPECT_TRUE(valid_name("Müller"));
    for (const std::string& bad : {std::string(), std::string("a|b"), std::string("a,b"), std::string("a\nb"),
                                   std::string("\xff"), std::string(256, 'x')})
        EXPECT_FALSE(valid_name(bad)) << bad;
}

TEST(Utf8, accepts_what_rfc_3629_does) {
    for (const char* good : {"", "plain ascii of some length", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                             "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"})
        EXPECT_TRUE(valid_utf8(good)) << good;
    for (const char* bad : {"\x80", "\xc0\x80", "\xc3", "\xe2\x82", "\xe0\x80\x80", "\xed\xa0\x80",
                            "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "12345678\xff"})
        EXPECT_FALSE(valid_utf8(bad)) << bad;
}

TEST(FrameDeadline, is_never_shorter_and_at_most_a_fifth_longer) {
    EXPECT_EQ(decode_deadline(plain_tail), 0u);
    EXPECT_EQ(decode_deadline(0x2a), 0u);
    for (std::uint64_t ms = 1; ms < 1'000'000'000; ms = ms * 5 / 4 + 1) {
        const std::uint64_t read = decode_deadline(encode_deadline(ms));
        EXPECT_GE(read, ms);
        EXPECT_LE(read, ms + ms / 5 + 1);
    }
    EXPECT_EQ(encode_deadline(std::uint64_t{1} << 40), plain_tail);
}

TEST(Handshake, a_clients_text_is_daffis) {
    Handshake handshake;
    handshake.type = "client";
    handshake.members.emplace_back("w1", std::vector<std::string>{"add", "echo"});
    handshake.members.emplace_back("c", std::vector<std::string>{});
    Buffer out;
    write_handshake(handshake, out);
    EXPECT_EQ(out.text(),
              R"({"meta":{"type":"client","error":null},"members":[{"name":"w1","methods":["add","echo"]},)"
              R"({"name":"c","methods":null}]})");
    Handshake again;
    std::string why;
    ASSERT_TRUE(read_handshake(out.bytes(), again, why)) << why;
    EXPECT_EQ(again.members, handshake.members);
    EXPECT_EQ(again.type, "client");
}

TEST(Handshake, refuses_what_it_cannot_use) {
    for (const std::string_view text :
         {"", "[]", "{}", R"({"meta":{"type":"client"}})", R"({"meta":{"type":1},"members":[]})",
          R"({"meta":{"type":"client"},"members":[{}]})",
          R"({"meta":{"type":"client"},"members":[{"name":"a|b"}]})",
          R"({"meta":{"type":"client"},"members":[{"name":"a","methods":["f,g"]}]})",
          R"({"meta":{"type":"client"},"members":[{"name":"a","methods":7}]})"}) {
        Handshake out;
        std::string why;
        EXPECT_FALSE(read_handshake(std::as_bytes(std::span(text)), out, why)) << text;
        EXPECT_FALSE(why.empty());
    }
}

TEST(Handshake, options_stand_behind_the_type) {
    EXPECT_EQ(type_option("client;weft=1;token=s3=x", "weft"), "1");
    EXPECT_EQ(type_option("client;weft=1;token=s3=x", "token"), "s3=x");
    EXPECT_EQ(type_option("client", "weft"), std::nullopt);
    EXPECT_EQ(type_option("weft=1", "weft"), std::nullopt);
}

TEST(Events, text_is_daffis) {
    Buffer out;
    write_event("connected", "w2", out);
    EXPECT_EQ(out.text(), R"({"type":"connected","member":"w2"})");
    EventText event;
    ASSERT_TRUE(read_event(out.bytes(), event));
    EXPECT_EQ(event.member, "w2");
}

}  // namespace
}  // namespace weft::mesh
