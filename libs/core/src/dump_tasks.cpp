// The list of tasks is made when it is asked for: each loop knows the owners of tasks, and each owner its
// children and the task in which it was made.
#include <weft/core/any_task.hpp>
#include <weft/core/dump_tasks.hpp>

#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>

namespace weft {

namespace detail {

class TaskTree {
public:
    explicit TaskTree(Loop& loop) : now_(loop.time_source_ == TimeSource::manual ? loop.now_ : Clock::now()) {
        loop.owners_.for_each([&](TaskOwner& owner) {
            owner.children_.for_each([&](TaskControl& task) {
                order_.push_back(&task);
                host_of_[&task] = owner.host_;
            });
        });
        for (TaskControl* task : order_) {
            const TaskControl* host = host_of_[task];
            // An owner may live longer than the task that made it, as a server does.
            if (!host_of_.contains(host)) host = nullptr;
            children_of_[host].push_back(task);
        }
    }

    [[nodiscard]] const std::vector<TaskControl*>& tasks() const noexcept { return order_; }

    std::vector<TaskInfo> list() {
        std::vector<TaskInfo> infos;
        infos.reserve(order_.size());
        std::vector<std::pair<const TaskControl*, std::size_t>> open;
        const auto push_children = [&](const TaskControl* of, std::size_t depth) {
            // Each is listed once, whatever an address that was used again makes of the tree.
            auto children = std::exchange(children_of_[of], {});
            for (auto i = children.rbegin(); i != children.rend(); ++i) open.emplace_back(*i, depth);
        };
        push_children(nullptr, 0);
        while (!open.empty()) {
            const auto [task, depth] = open.back();
            open.pop_back();
            infos.push_back(describe(*task));
            infos.back().depth = depth;
            push_children(task, depth + 1);
        }
        return infos;
    }

private:
    [[nodiscard]] TaskInfo describe(const TaskControl& task) const {
        TaskInfo info(task.name());
        if (&task == thread_state.task) {
            info.phase = TaskPhase::running;
            return info;
        }
        if (!task.started_) return info;
        info.phase = task.waiter_ ? TaskPhase::waiting : TaskPhase::ready;
        if (task.waiter_) info.waiting_for = now_ - TimePoint(Duration(task.parked_at_));
        for (std::coroutine_handle<> frame = task.resume_point_; frame;) {
            const PromiseBase* promise = weft_frame(frame);
            if (!promise) break;
            if (promise->await_file) info.places.emplace_back(promise->await_file, promise->await_line);
            frame = promise->continuation;
        }
        return info;
    }

    // Every promise of weft begins at the same offset: none is over-aligned (result_slot.hpp).
    static const PromiseBase* weft_frame(std::coroutine_handle<> frame) noexcept {
        const PromiseBase& promise =
            std::coroutine_handle<PromiseBase>::from_address(frame.address()).promise();
        return promise.mark == PromiseBase::weft_frame ? &promise : nullptr;
    }

    TimePoint now_;
    std::vector<TaskControl*> order_;
    std::map<const TaskControl*, const TaskControl*> host_of_;
    std::map<const TaskControl*, std::vector<const TaskControl*>> children_of_;
};

}  // namespace detail

namespace {

std::string seconds(Duration duration) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g s", std::chrono::duration<double>(duration).count());
    return text;
}

std::string base_name(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string phase_text(const TaskInfo& task) {
    switch (task.phase) {
        case TaskPhase::not_started:
            return "not started";
        case TaskPhase::running:
            return "runs";
        case TaskPhase::ready:
            return "is ready";
        case TaskPhase::waiting:
            return "waits " + seconds(task.waiting_for);
    }
    return {};
}

}  // namespace

std::vector<AnyTask> all_tasks() {
    std::vector<AnyTask> all;
    const detail::TaskTree tree(Loop::current());
    for (detail::TaskControl* task : tree.tasks()) all.emplace_back(*task);
    return all;
}

std::vector<TaskInfo> list_tasks(Loop& loop) { return detail::TaskTree(loop).list(); }

std::string dump_tasks(Loop& loop) {
    std::string text;
    for (const TaskInfo& task : list_tasks(loop)) {
        text.append(2 * task.depth, ' ');
        text += (task.name.empty() ? "(unnamed)" : task.name) + ": " + phase_text(task);
        const char* before = " at ";
        for (const CodePlace& place : task.places) {
            text += before + base_name(place.file) + ':' + std::to_string(place.line);
            before = " < ";
        }
        text += '\n';
    }
    return text;
}

std::string dump_tasks() { return dump_tasks(Loop::current()); }

}  // namespace weft
