#include "service/queue/site.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace mail::queue {

void Lanes::add(WaitingQueue& queue, std::int64_t weight) {
  Lane& lane = lanes_[queue.name.lane];
  if (lane.name.empty()) lane.name = queue.name.lane;
  lane.weight = std::max<std::int64_t>(weight, 1);
  lane.queues.push_back(&queue);
  queue.in_lane = true;
  ++queues_;
  if (lane.listed) return;
  lane.listed = true;
  lane.deficit = lane.weight;
  fresh_.push_back(&lane);
}

Item* Lanes::next() {
  while (!fresh_.empty() || !old_.empty()) {
    const bool is_fresh = !fresh_.empty();
    std::deque<Lane*>& list = is_fresh ? fresh_ : old_;
    Lane& lane = *list.front();
    if (lane.queues.empty() || lane.deficit <= 0) {
      list.pop_front();
      if (lane.deficit <= 0) lane.deficit += lane.weight;
      // An emptied new lane passes through the old ones, or it would be new again at once.
      if (lane.queues.empty() && !is_fresh) {
        retire(lane);
      } else {
        old_.push_back(&lane);
      }
      continue;
    }
    --lane.deficit;
    WaitingQueue& queue = *lane.queues.front();
    Item* item = queue.ready.front();
    queue.ready.pop_front();
    lane.queues.pop_front();
    if (queue.ready.empty()) {
      queue.in_lane = false;
      --queues_;
    } else {
      lane.queues.push_back(&queue);
    }
    return item;
  }
  return nullptr;
}

void Lanes::take(Item& item) {
  WaitingQueue& queue = *item.queue;
  --lanes_.at(queue.name.lane).deficit;
  std::erase(queue.ready, &item);
  if (queue.ready.empty()) remove(queue);
}

void Lanes::retire(Lane& lane) { lanes_.erase(lanes_.find(lane.name)); }

void Lanes::remove(WaitingQueue& queue) {
  if (!queue.in_lane) return;
  std::erase(lanes_.at(queue.name.lane).queues, &queue);
  queue.in_lane = false;
  --queues_;
}

std::uint32_t Site::take_slot() {
  const auto found =
      std::find_if(slots.begin(), slots.end(), [](const Slot& s) { return !s.busy; });
  const auto slot = static_cast<std::size_t>(found - slots.begin());
  if (found == slots.end()) slots.emplace_back();
  ++busy;
  slots[slot].busy = true;
  return static_cast<std::uint32_t>(slot);
}

}  // namespace mail::queue
