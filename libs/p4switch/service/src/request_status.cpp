// The switch's errors as canonical codes (P4Runtime specification, "Error reporting").
#include "request_status.hpp"

#include <weft/p4switch/error.hpp>

namespace weft::p4switch {

Refusal current_refusal() {
    try {
        throw;
    } catch (const Refusal& refusal) {
        return refusal;
    } catch (const DuplicateError& error) {
        return Refusal(google::rpc::ALREADY_EXISTS, error.what());
    } catch (const NotFoundError& error) {
        return Refusal(google::rpc::NOT_FOUND, error.what());
    } catch (const FullError& error) {
        return Refusal(google::rpc::RESOURCE_EXHAUSTED, error.what());
    } catch (const ConstantError& error) {
        return Refusal(google::rpc::PERMISSION_DENIED, error.what());
    } catch (const InUseError& error) {
        return Refusal(google::rpc::FAILED_PRECONDITION, error.what());
    } catch (const OutOfRangeError& error) {
        return Refusal(google::rpc::OUT_OF_RANGE, error.what());
    } catch (const weft::Error& error) {
        return Refusal(google::rpc::INVALID_ARGUMENT, error.what());
    } catch (const std::exception& error) {
        return Refusal(google::rpc::INTERNAL, error.what());
    }
}

}  // namespace weft::p4switch
