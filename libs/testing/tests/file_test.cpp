#include <weft/core.hpp>
#include <weft/testing/co_test.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>

namespace weft::testing {
namespace {

namespace fs = std::filesystem;

class Folder {
public:
    Folder() {
        std::string pattern = (fs::temp_directory_path() / "weft-file-XXXXXX").string();
        if (!::mkdtemp(pattern.data())) throw_errno("make a folder");
        path_ = pattern;
    }
    ~Folder() { fs::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }
    [[nodiscard]] const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

std::size_t files_in(const Folder& folder) {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder.path()), {}));
}

CO_TEST(File, what_was_written_is_read) {
    const Folder folder;
    ThreadPool pool(1);
    const std::string path = folder / "config";
    std::string big(3'000'000, 'x');
    big += '\0';
    co_await write_file(pool, path, big);
    auto text = co_await read_file(pool, path);
    EXPECT_TRUE(text == big);
    co_await write_file(pool, path, "short");
    co_await write_file(pool, path, " and more", WriteMode::append);
    text = co_await read_file(pool, path);
    EXPECT_EQ(text, "short and more");
    co_await write_file(pool, path, "");
    text = co_await read_file(pool, path);
    EXPECT_EQ(text, "");
}

CO_TEST(File, an_atomic_write_replaces_keeps_the_mode_and_leaves_nothing_behind) {
    const Folder folder;
    ThreadPool pool(1);
    const std::string path = folder / "config";
    co_await write_file(pool, path, "one", WriteMode::atomic);
    co_await write_file(pool, folder / "plain", "x");
    EXPECT_EQ(fs::status(path).permissions(), fs::status(folder / "plain").permissions());
    ::chmod(path.c_str(), 0640);
    co_await write_file(pool, path, "two", WriteMode::atomic);
    const auto text = co_await read_file(pool, path);
    EXPECT_EQ(text, "two");
    EXPECT_EQ(fs::status(path).permissions(), fs::perms(0640));
    EXPECT_EQ(files_in(folder), 2u);

    fs::create_directory(folder / "taken");
    bool failed = false;
    try {
        co_await write_file(pool, folder / "taken", "x", WriteMode::atomic);
    } catch (const SystemError& e) {
        failed = std::string(e.what()).find("taken") != std::string::npos;
    }
    EXPECT_TRUE(failed);
    EXPECT_EQ(files_in(folder), 3u) << "the file beside it is gone";
}

CO_TEST(File, errors_name_the_file_and_limits_hold) {
    const Folder folder;
    ThreadPool pool(1);
    const std::string missing = folder / "missing";
    std::string text;
    try {
        co_await read_file(pool, missing);
    } catch (const SystemError& e) {
        text = e.what();
        EXPECT_EQ(e.code(), std::errc::no_such_file_or_directory);
    }
    EXPECT_NE(text.find(missing), std::string::npos) << text;
    const std::string path = folder / "ten";
    co_await write_file(pool, path, "0123456789");
    const auto ten = co_await read_file(pool, path, 10);
    EXPECT_EQ(ten.size(), 10u);
    bool over = false;
    try {
        co_await read_file(pool, path, 9);
    } catch (const LimitOverrun& e) {
        over = e.limit() == 9;
    }
    EXPECT_TRUE(over);
    // It has no size in advance.
    const auto status = co_await read_file(pool, "/proc/self/status");
    EXPECT_NE(status.find("Name:"), std::string::npos);
}

CO_TEST(PipeStream, carries_bytes_one_way) {
    auto pipe = make_pipe();
    const std::string text(200'000, 'p');
    const auto sender = [&]() -> Task<void> {
        co_await pipe.writer->write_all(text);
        pipe.writer->close();
    };
    auto sending = spawn(sender());
    std::string got;
    std::string buffer(4096, '\0');
    for (;;) {
        const std::size_t n = co_await pipe.reader->read_some(std::as_writable_bytes(std::span(buffer)));
        if (n == 0) break;
        got.append(buffer, 0, n);
    }
    co_await sending;
    EXPECT_TRUE(got == text);
    std::byte byte{};
    EXPECT_THROW((void)make_pipe().writer->try_read({&byte, 1}), UsageError);
    const ConstBuffer bytes{"x", 1};
    EXPECT_THROW((void)pipe.reader->try_write({&bytes, 1}), UsageError);
    auto unread = make_pipe();
    unread.reader->close();
    EXPECT_THROW((void)unread.writer->try_write({&bytes, 1}), SystemError);
}

CO_TEST(PipeStream, adopts_a_fifo) {
    const Folder folder;
    const std::string path = folder / "fifo";
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    auto reader =
        adopt_pipe_reader(UniqueFd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)), "fifo");
    auto writer = adopt_pipe_writer(UniqueFd(::open(path.c_str(), O_WRONLY | O_CLOEXEC)), "fifo");
    co_await writer->write_all("through");
    std::string got(7, '\0');
    co_await reader->read_exactly(std::as_writable_bytes(std::span(got)));
    EXPECT_EQ(got, "through");
    EXPECT_EQ(reader->peer(), "fifo");
    EXPECT_THROW((void)adopt_pipe_reader(UniqueFd(), "none"), SystemError);
}

}  // namespace
}  // namespace weft::testing
